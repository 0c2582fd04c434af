// Command: what to type for the same answer on the command line; one click copies it.
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
