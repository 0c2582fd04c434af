// hooks: a call of the API as state of a component. What was there stays shown, dimmed, until the new answer comes.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { ApiError, Params } from './api'
import { address, get, isAbort } from './api'
import { begun } from './router'

export interface Asked<T> {
  data: T | null
  error: ApiError | Error | null
  loading: boolean
  /** The address that `data` answers: while a new question is asked, the older one's. */
  of: string | null
  /** Asks again. */
  again: () => void
}
/** Asks when `call` or `params` change (call null: not now). An answer to an older question is dropped. */
export function useAsk<T>(call: string | null, params: Params = {}, more: readonly unknown[] = []): Asked<T> {
  const [state, set] = useState<Omit<Asked<T>, 'again'>>({
    data: null,
    of: null,
    error: null,
    loading: call !== null,
  })
  const [turn, setTurn] = useState(0)
  const asked = useRef<string | null>(null)
  const url = call === null ? null : address(call, params)
  useEffect(() => {
    if (call === null) {
      set({ data: null, of: null, error: null, loading: false })
      return
    }
    const stop = new AbortController()
    const again = asked.current === url
    const other = asked.current !== null && asked.current.split('?')[0] !== url?.split('?')[0]
    asked.current = url
    set((s) => ({ ...s, data: other ? null : s.data, error: null, loading: true }))
    get<T>(call, params, stop.signal).then(
      (data) => set({ data, of: url, error: null, loading: false }),
      (e: unknown) => {
        // what was there stays when the same question fails the next time
        if (!isAbort(e)) set((s) => ({ ...s, data: again ? s.data : null, error: e as Error, loading: false }))
      },
    )
    return () => stop.abort()
  }, [url, turn, ...more])
  const again = useCallback(() => setTurn((n) => n + 1), [])
  return { ...state, again }
}
/** Of a page of all that is stored: where that begins (RFC 3339, null: not so, or not known), while it is shown. */
export function useBegun(at: string | null): void {
  useEffect(() => {
    begun.value = at ?? ''
    return () => {
      begun.value = ''
    }
  }, [at])
}
