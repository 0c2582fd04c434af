// Text: what strangers wrote, shown as text: unseen characters are written out and marked, directions cannot leave it,
// long ones are cut (at 60 characters and more they can be opened; the title has more of shorter ones).
import { useState } from 'preact/hooks'
import { cut, pieces, plain, plural } from '../plain'

const TITLE_MAX = 1000
const OPEN_MAX = 20_000

export function Text({ of, max = 120, mono = false }: { of: string | null | undefined; max?: number; mono?: boolean }) {
  const [open, setOpen] = useState(false)
  if (of === null || of === undefined || of === '') return <span class="none">–</span>
  const long = of.length > max
  const shown = cut(of, open ? OPEN_MAX : max)
  return (
    <bdi class={mono ? 'text mono' : 'text'} title={long && !open ? plain(cut(of, TITLE_MAX)) : undefined}>
      {pieces(shown).map((p, i) => (i % 2 === 1 ? <span class="unseen">{p}</span> : p))}
      {long && max >= 60 && (
        <button type="button" class="more" onClick={() => setOpen(!open)}>
          {open ? 'less' : `all ${plural(of.length, 'character')}`}
        </button>
      )}
    </bdi>
  )
}
