// Command: what to type for the same answer on the command line; one click copies it. NextSteps: advice, with and without.
import type { Next } from '../api'
import { Text } from './text'
import { copy } from './value'

export function Command({ of, label = 'The same on the command line' }: { of: string; label?: string }) {
  return (
    <div class="command">
      <span class="quiet label">{label}</span>
      <code tabIndex={0} role="group" aria-label={label}>
        <Text of={of} max={2000} />
      </code>
      <button type="button" class="quiet-button" onClick={() => void copy(of, 'Command copied')}>
        copy
      </button>
    </div>
  )
}
export function NextSteps({ of }: { of: readonly Next[] }) {
  if (of.length === 0) return <p class="quiet">Nothing to suggest.</p>
  return (
    <>
      {of.map((n) =>
        n.command === null ? (
          <p key={n.text} class="advice">
            <Text of={n.text} max={500} />
          </p>
        ) : (
          <Command key={n.command} of={n.command} label={n.text} />
        ),
      )}
    </>
  )
}
