// The window of a page: quick ranges, or from and until in any words of the command line; it lives in the address.
import { useState } from 'preact/hooks'
import { param } from '../router'
import { RANGES, setWindow, windowText, zoneText } from '../time'
import { Dialog } from './dialog'

export function WindowPicker({ usual }: { usual: string }) {
  const [open, setOpen] = useState(false)
  const since = param('since') || usual
  const until = param('until')
  const known = until === '' && RANGES.some((r) => r.since === since)
  return (
    <div class="window">
      <div class="segments wide-only" role="group" aria-label="Window">
        {RANGES.map((r) => (
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
        value={known ? since : ''}
        onChange={(e) => (e.currentTarget.value === '' ? setOpen(true) : setWindow(e.currentTarget.value))}
      >
        {RANGES.map((r) => (
          <option key={r.since} value={r.since}>
            {windowText({ since: r.since, until: '' })}
          </option>
        ))}
        <option value="">other…</option>
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
      {open && <Ends since={since} until={until} onClose={() => setOpen(false)} />}
    </div>
  )
}
function Ends({ since, until, onClose }: { since: string; until: string; onClose: () => void }) {
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
          <input value={a} onInput={(e) => setA(e.currentTarget.value)} autoComplete="off" spellcheck={false} required />
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
