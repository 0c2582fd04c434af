// QueryField: where a query is written: completion from the server, what is wrong with it said in place, Enter asks.
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { ApiError, get, isAbort, type Completion } from '../api'
import { byteOf, placeOf } from '../query'
import { plain, sentence } from '../plain'
import { Text } from './text'

const WAIT_MS = 150

export interface QueryFieldProps {
  value: string
  onAsk: (q: string) => void
  /** What the server said of the query that was asked. */
  error?: Error | null
  label?: string
  hint?: string
  /** Completion and checks are of the records' language; alerts have another. */
  plain?: boolean
}

export function QueryField({ value, onAsk, error, label = 'Query', hint, plain: bare = false }: QueryFieldProps) {
  const [q, setQ] = useState(value)
  const [place, setPlace] = useState(value.length)
  const [list, setList] = useState<Completion | null>(null)
  const [at, setAt] = useState(-1)
  const [wrong, setWrong] = useState<ApiError | null>(null)
  const [typed, setTyped] = useState(0) // keystrokes since the last question: nothing is offered to those who only look
  const field = useRef<HTMLInputElement>(null)
  const id = useId()

  useEffect(() => {
    setQ(value)
    setTyped(0)
    setList(null)
    setWrong(null)
  }, [value])
  useEffect(() => {
    if (typed === 0 || bare) return
    const stop = new AbortController()
    const timer = window.setTimeout(() => {
      get<Completion>('complete', { q, at: byteOf(q, place) }, stop.signal).then(
        (c) => {
          setList(c)
          setAt(-1)
        },
        () => {},
      )
      if (q.trim() === '') setWrong(null)
      else
        get('check', { q }, stop.signal).then(
          () => setWrong(null),
          (e: unknown) => {
            if (!isAbort(e) && e instanceof ApiError && e.status === 400) setWrong(e)
          },
        )
    }, WAIT_MS)
    return () => {
      window.clearTimeout(timer)
      stop.abort()
    }
  }, [q, place, typed, bare])

  const asked = error instanceof ApiError && error.status === 400 && q === value ? error : null
  const bad = asked ?? wrong
  const items = list?.items ?? []
  const shown = items.length > 0 && typed > 0
  const take = (text: string) => {
    if (!list) return
    const [a, b] = [placeOf(q, list.from), placeOf(q, list.to)]
    const more = text.endsWith(':') ? '' : ' '
    const next = q.slice(0, a) + text + more + q.slice(b).replace(/^ /, '')
    const end = a + text.length + more.length
    if (field.current) {
      // at once, not with the next drawing: who types on quickly types behind it
      field.current.value = next
      field.current.setSelectionRange(end, end)
    }
    setQ(next)
    setPlace(end)
    setList(null)
    setTyped(typed + 1)
    field.current?.focus()
  }
  const keys = (e: KeyboardEvent) => {
    if (e.key === 'ArrowDown' && shown) setAt((at + 1) % items.length)
    else if (e.key === 'ArrowUp' && shown) setAt((at - 1 + items.length) % items.length)
    else if ((e.key === 'Enter' || e.key === 'Tab') && shown && at >= 0) take(items[at]?.text ?? '')
    else if (e.key === 'Escape' && shown) setList(null)
    else if (e.key === 'Escape') field.current?.blur()
    else return
    e.preventDefault()
    e.stopPropagation()
  }
  return (
    <form
      class="query"
      role="search"
      aria-label="Records that fit a query"
      onSubmit={(e) => {
        e.preventDefault()
        setList(null)
        setTyped(0)
        onAsk(q.trim())
      }}
    >
      <div class="query-box">
        <input
          ref={field}
          data-search
          value={q}
          class="mono"
          role="combobox"
          aria-label={label}
          aria-expanded={shown}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={shown && at >= 0 ? `${id}-${at}` : undefined}
          aria-invalid={bad !== null}
          aria-describedby={bad ? `${id}-wrong` : undefined}
          placeholder={hint ?? 'actor:alice* secret:prod/** outcome:denied -country:DE'}
          autoComplete="off"
          autoCapitalize="none"
          spellcheck={false}
          maxLength={4096}
          onInput={(e) => {
            setQ(e.currentTarget.value)
            setPlace(e.currentTarget.selectionStart ?? e.currentTarget.value.length)
            setTyped(typed + 1)
          }}
          onKeyDown={keys}
          onBlur={() => setList(null)}
        />
        <ul id={`${id}-list`} class="offers" role="listbox" aria-label="Completions" hidden={!shown}>
          {items.map((item, i) => (
            <li
              key={item.text}
              id={`${id}-${i}`}
              role="option"
              aria-selected={i === at}
              onMouseDown={(e) => {
                e.preventDefault() // keeps the focus in the field
                take(item.text)
              }}
            >
              <code>
                <Text of={item.text} max={59} />
              </code>
              {item.help && <span class="quiet">{item.help}</span>}
            </li>
          ))}
        </ul>
      </div>
      <button type="submit" class="main-button">
        Search
      </button>
      {bad && (
        <div id={`${id}-wrong`} class="query-wrong" role="alert">
          <Marked q={q} error={bad} />
          {sentence(bad.message)}
        </div>
      )}
    </form>
  )
}
/** The query with the place of the error marked. */
function Marked({ q, error }: { q: string; error: ApiError }) {
  if (error.at === null) return null
  const a = placeOf(q, error.at)
  const b = Math.max(a + 1, placeOf(q, error.at + (error.len ?? 1)))
  return (
    <code class="marked">
      {plain(q.slice(Math.max(0, a - 60), a))}
      <mark>{plain(q.slice(a, b)) || ' '}</mark>
      {plain(q.slice(b, b + 60))}
    </code>
  )
}
