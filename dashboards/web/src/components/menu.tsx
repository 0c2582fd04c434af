// Menu: the one small menu of the page: opened beside what was clicked, closed by Escape or a click elsewhere.
import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'

export interface Choice {
  text: string
  note?: string | undefined
  href?: string
  run?: () => void
}
const open = signal<{ at: Element; title: string; choices: Choice[] } | null>(null)

export function openMenu(at: Element, title: string, choices: Choice[]): void {
  open.value = open.value?.at === at ? null : { at, title, choices }
}
export function closeMenu(): void {
  open.value = null
}

/** Stands once, in the shell; while a dialog is open it moves into it (what lies below is inert). */
export function MenuPlace() {
  const box = useRef<HTMLDivElement>(null)
  const m = open.value
  useEffect(() => {
    const b = box.current
    if (!b || !m) return
    b.showPopover()
    const r = m.at.getBoundingClientRect()
    const below = r.bottom + b.offsetHeight + 8 < window.innerHeight
    b.style.left = `${Math.max(8, Math.min(r.left, window.innerWidth - b.offsetWidth - 8))}px`
    b.style.top = `${below ? r.bottom + 2 : Math.max(8, r.top - b.offsetHeight - 2)}px`
    b.querySelector<HTMLElement>('a,button')?.focus()
    const closed = (e: Event) => {
      if ((e as ToggleEvent).newState === 'closed' && open.value === m) open.value = null
    }
    b.addEventListener('toggle', closed)
    const moved = () => {
      open.value = null
    }
    window.addEventListener('scroll', moved, true)
    return () => {
      b.removeEventListener('toggle', closed)
      window.removeEventListener('scroll', moved, true)
      if (b.matches(':popover-open')) b.hidePopover()
      if (m.at instanceof HTMLElement && document.contains(m.at) && b.contains(document.activeElement)) m.at.focus()
    }
  }, [m])
  const step = (e: KeyboardEvent, by: number) => {
    const all = [...(box.current?.querySelectorAll<HTMLElement>('a,button') ?? [])]
    const at = all.indexOf(document.activeElement as HTMLElement)
    all[(at + by + all.length) % all.length]?.focus()
    e.preventDefault()
  }
  return (
    <div
      ref={box}
      class="menu"
      popover="auto"
      role="menu"
      aria-label={m?.title ?? 'Menu'}
      onKeyDown={(e) => {
        if (e.key === 'ArrowDown') step(e, 1)
        else if (e.key === 'ArrowUp') step(e, -1)
        else if (e.key === 'Tab') closeMenu()
      }}
    >
      {m?.choices.map((c) =>
        c.href !== undefined ? (
          <a role="menuitem" href={c.href} onClick={closeMenu}>
            {c.text}
            {c.note !== undefined && <small>{c.note}</small>}
          </a>
        ) : (
          <button
            type="button"
            role="menuitem"
            onClick={() => {
              closeMenu()
              c.run?.()
            }}
          >
            {c.text}
            {c.note !== undefined && <small>{c.note}</small>}
          </button>
        ),
      )}
    </div>
  )
}
