// Text: what strangers wrote, shown as text: unseen characters are written out and marked, directions cannot leave it,
// long ones are cut (at 60 characters and more they can be opened; the title has more of shorter ones).
import { useState } from 'preact/hooks'
import { cut, cutFront, pieces, plain, plural } from '../plain'

const TITLE_MAX = 1000
const OPEN_MAX = 20_000
const NARROW = 20 // longer ones may not fit where they stand: the title has them whole

export function Text({
  of,
  max = 120,
  mono = false,
  tail = false,
}: {
  of: string | null | undefined
  max?: number
  mono?: boolean
  tail?: boolean // the end is what tells it from others
}) {
  const [open, setOpen] = useState(false)
  if (of === null || of === undefined || of === '') return <span class="none">–</span>
  const long = of.length > max
  const shown = tail && !open ? cutFront(of, max) : cut(of, open ? OPEN_MAX : max)
  return (
    <bdi class={mono ? 'text mono' : 'text'} title={of.length > NARROW && !open ? plain(cut(of, TITLE_MAX)) : undefined}>
      {pieces(shown).map((p, i) => (i % 2 === 1 ? <span class="unseen">{p}</span> : p))}
      {long && max >= 60 && (
        <button type="button" class="more" onClick={() => setOpen(!open)}>
          {open ? 'less' : `all ${plural(of.length, 'character')}`}
        </button>
      )}
    </bdi>
  )
}
