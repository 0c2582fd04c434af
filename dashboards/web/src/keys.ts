// keys: one listener for the whole page; what is shown says which keys it understands. Typing in a field is never a key.
import { useEffect, useRef } from 'preact/hooks'

export interface Key {
  key: string // as KeyboardEvent.key says it
  text: string // for the list of keys
  run: (e: KeyboardEvent) => void
}
/** Later ones win: a list inside a dialog hears before the page below it. */
const heard: { current: readonly Key[] }[] = []

export function typing(e: Event): boolean {
  const t = e.target
  return t instanceof HTMLElement && (t.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(t.tagName))
}
document.addEventListener('keydown', (e) => {
  if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || typing(e)) return
  const modal = document.querySelector('dialog[open]') !== null
  if (modal && !(e.target instanceof Element && e.target.closest('dialog'))) return
  for (let i = heard.length - 1; i >= 0; i--) {
    const k = heard[i]?.current.find((x) => x.key === e.key)
    if (k) {
      e.preventDefault()
      k.run(e)
      return
    }
  }
})

/** The keys of a component, while it is shown; when `turn` changes it hears first. */
export function useKeys(keys: readonly Key[], turn: unknown = 0): void {
  const mine = useRef(keys)
  mine.current = keys
  useEffect(() => {
    heard.push(mine)
    return () => {
      heard.splice(heard.indexOf(mine), 1)
    }
  }, [turn])
}
/** All keys that are heard now, innermost first, each once. */
export function keysNow(): Key[] {
  const seen = new Set<string>()
  return heard
    .toReversed()
    .flatMap((k) => k.current)
    .filter((k) => !seen.has(k.key) && seen.add(k.key))
}
