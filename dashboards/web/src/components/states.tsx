// What stands where data would: nothing there, not yet, could not.
import type { ComponentChildren } from 'preact'
import { useErrorBoundary } from 'preact/hooks'
import { ApiError } from '../api'
import type { Asked } from '../hooks'
import { sentence } from '../plain'

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="state">
      <p class="state-title">{title}</p>
      {children !== undefined && <div class="quiet">{children}</div>}
    </div>
  )
}
export function Loading({ what = 'Loading' }: { what?: string }) {
  return (
    <div class="state quiet" role="status">
      <span class="spin" aria-hidden="true" /> {what}…
    </div>
  )
}
const TITLES: Record<number, string> = {
  0: 'No answer',
  400: 'The question cannot be answered as it is',
  403: 'Not with your role or scope',
  404: 'Nothing of that name here',
  502: 'The collector does not answer',
  503: 'The server is busy, or it took too long',
}
export function Failure({ error, again }: { error: Error; again?: (() => void) | undefined }) {
  const e = error instanceof ApiError ? error : null
  return (
    <div class="state failure" role="alert">
      <p class="state-title">{(e && TITLES[e.status]) ?? 'This could not be shown'}</p>
      <p>{sentence(error.message)}</p>
      {e?.status === 503 && <p class="quiet">A shorter window or a narrower query is quicker.</p>}
      {again && e?.status !== 400 && e?.status !== 403 && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  )
}
/** The usual three states of a call around what shows its data. */
export function Answer<T>({
  of,
  what,
  calm = false,
  children,
}: {
  of: Asked<T>
  what?: string
  calm?: boolean // asks anew by itself: nothing flickers
  children: (data: T) => ComponentChildren
}) {
  if (of.error && of.data === null) return <Failure error={of.error} again={of.again} />
  if (of.data === null) return of.loading ? <Loading {...(what === undefined ? {} : { what })} /> : null
  return (
    <div class={of.loading && !calm ? 'dim' : ''} aria-busy={of.loading}>
      {of.error && (
        <p class="note bad" role="alert">
          What stands here is older. {sentence(of.error.message)}{' '}
          <button type="button" class="quiet-button" onClick={of.again}>
            Try again
          </button>
        </p>
      )}
      {children(of.data)}
    </div>
  )
}
/** What cannot be drawn says so in its place, instead of taking the whole page away. */
export function Guard({ children }: { children: ComponentChildren }) {
  const [error, reset] = useErrorBoundary()
  if (error === undefined) return <>{children}</>
  const text = error instanceof Error ? error.message : String(error)
  return <Failure error={new Error(`The page itself failed (${text}). The command line has the same answers.`)} again={reset} />
}
