// router: the address bar holds the whole state of a page: its path, and a query string of what was asked.
// Owns: history. The back button undoes a step; `patch` with "replace" makes none.
import { computed, signal } from '@preact/signals'

export type Search = Record<string, string | number | null | undefined>

const here = signal(new URL(window.location.href))
export const path = computed(() => here.value.pathname)
export const params = computed(() => here.value.searchParams)

export function param(name: string): string {
  return params.value.get(name) ?? ''
}

/** The address of a page; empty parameters are left out; the window that is shown comes along. */
export function href(page: string, search: Search = {}): string {
  const p = new URLSearchParams()
  for (const name of ['since', 'until']) {
    const v = params.value.get(name)
    if (v !== null && v !== '' && !(name in search)) p.set(name, v)
  }
  for (const [name, v] of Object.entries(search)) if (v !== null && v !== undefined && v !== '') p.set(name, String(v))
  const text = p.toString()
  return text === '' ? page : `${page}?${text}`
}

function show(url: string, replace: boolean): void {
  const to = new URL(url, window.location.href)
  if (to.href === here.value.href) return
  window.history[replace ? 'replaceState' : 'pushState'](null, '', to.href)
  const moved = to.pathname !== here.value.pathname
  here.value = to
  if (moved) window.scrollTo(0, 0)
}

export function go(page: string, search: Search = {}): void {
  show(href(page, search), false)
}

/** Changes some parameters of the page that is shown, and keeps the others. */
export function patch(change: Search, how: 'push' | 'replace' = 'push'): void {
  const to = new URL(here.value)
  for (const [name, v] of Object.entries(change))
    if (v === null || v === undefined || v === '') to.searchParams.delete(name)
    else to.searchParams.set(name, String(v))
  show(to.href, how === 'replace')
}

window.addEventListener('popstate', () => {
  here.value = new URL(window.location.href)
})

/** Plain clicks on our own links stay in the page; everything else is the browser's. */
document.addEventListener('click', (e) => {
  if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return
  const a = e.target instanceof Element ? e.target.closest('a') : null
  if (!(a instanceof HTMLAnchorElement) || a.target !== '' || a.hasAttribute('download')) return
  if (a.origin !== window.location.origin || a.pathname.startsWith('/api/')) return
  if (a.hash !== '' && a.pathname === window.location.pathname) return
  e.preventDefault()
  show(a.href, false)
})
