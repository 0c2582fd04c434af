// router: the address bar holds the whole state of a page: its path, and a query string of what was asked.
// Owns: history. The back button undoes a step; `patch` with "replace" makes none.
import { computed, signal } from '@preact/signals'
import { WINDOW } from './paths'

export type Search = Record<string, string | number | null | undefined>

const here = signal(new URL(window.location.href))
export const path = computed(() => here.value.pathname)
export const params = computed(() => here.value.searchParams)

export function param(name: string): string {
  return params.value.get(name) ?? ''
}

/** Where what a page of all that is stored shows begins (RFC 3339), once it is known: other pages need a beginning. */
export const begun = signal('')

/** The window that the address names. */
export function named(): { since: string; until: string } {
  return { since: param('since'), until: param('until') }
}
/** The window that is shown, as a page that has one must be asked for it: its own where the address names none. */
function carried(page: string): { since: string; until: string } {
  const { since, until } = named()
  const usual = WINDOW[path.value]
  if (since !== '' || usual === undefined || WINDOW[page] === undefined) return { since, until }
  if (usual === WINDOW[page] && until === '') return { since: '', until: '' }
  return { since: usual !== '' || WINDOW[page] === '' ? usual : begun.value, until }
}
/** The address of a page; empty parameters are left out; the window that is shown comes along: a number that is clicked
 * on is counted over the same time there. */
export function href(page: string, search: Search = {}): string {
  const p = new URLSearchParams()
  for (const [name, v] of Object.entries(carried(page))) if (v !== '' && !(name in search)) p.set(name, v)
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

export function go(page: string, search: Search = {}, how: 'push' | 'replace' = 'push'): void {
  show(href(page, search), how === 'replace')
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
