// The window of a page: quick ranges, or from and until in any words of the command line; it lives in the address.
import { useState } from 'preact/hooks'
import { param } from '../router'
import { RANGES, setWindow, windowText, zoneText } from '../time'
import { Dialog } from './dialog'

const OTHER = 'other' // no expression of a time

/** usual: the page's own window; '': all that is stored. */
export function WindowPicker({ usual }: { usual: string }) {
  const [open, setOpen] = useState(false)
  const since = param('since') || usual
  const until = param('until')
  const ranges = usual === '' ? [{ since: '', text: 'all' }, ...RANGES] : RANGES
  const known = until === '' && ranges.some((r) => r.since === since)
  return (
    <div class="window">
      <div class="segments wide-only" role="group" aria-label="Window">
        {ranges.map((r) => (
          <button
            key={r.since}
            type="button"
            aria-pressed={until === '' && since === r.since}
            onClick={() => setWindow(r.since === usual ? '' : r.since)}
          >
            {r.text}
          </button>
        ))}
      </div>
      <select
        class="narrow-only"
        aria-label="Window"
        value={known ? since : OTHER}
        onChange={(e) => (e.currentTarget.value === OTHER ? setOpen(true) : setWindow(e.currentTarget.value))}
      >
        {ranges.map((r) => (
          <option key={r.since} value={r.since}>
            {windowText({ since: r.since, until: '' })}
          </option>
        ))}
        <option value={OTHER}>other…</option>
      </select>
      <button
        type="button"
        class={known ? 'wide-only' : ''}
        aria-haspopup="dialog"
        title="Choose both ends"
        onClick={() => setOpen(true)}
      >
        {known ? 'from, until…' : windowText({ since, until })}
      </button>
      {open && <Ends since={since} until={until} all={usual === ''} onClose={() => setOpen(false)} />}
    </div>
  )
}
function Ends({ since, until, all, onClose }: { since: string; until: string; all: boolean; onClose: () => void }) {
  const [a, setA] = useState(since)
  const [b, setB] = useState(until)
  return (
    <Dialog title="Window" onClose={onClose}>
      <form
        class="form"
        onSubmit={(e) => {
          e.preventDefault()
          onClose()
          setWindow(a.trim(), b.trim())
        }}
      >
        <label>
          From
          <input value={a} placeholder={all ? 'the first record' : ''} onInput={(e) => setA(e.currentTarget.value)} autoComplete="off" spellcheck={false} required={!all} />
        </label>
        <label>
          Until
          <input value={b} placeholder="now" onInput={(e) => setB(e.currentTarget.value)} autoComplete="off" spellcheck={false} />
        </label>
        <p class="quiet">
          As on the command line: 2h, 3w, yesterday, last-month, 2026-11-22, 2026-11-22T20:00Z, @1795377600. Days are those of{' '}
          {zoneText.value}.
        </p>
        <div class="buttons">
          <button type="submit" class="main-button">
            Show
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  )
}
