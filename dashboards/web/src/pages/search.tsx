// Search: a query and a window; how many when, of whom, and the records themselves. The address holds all of it.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { address, ApiError, OUTCOMES, type Facets, type Histogram, type Rec, type Search, get, isAbort } from '../api'
import { OutcomeChart, spanWords } from '../components/chart'
import { Command } from '../components/command'
import { CoverageLine } from '../components/coverage'
import { Dialog } from '../components/dialog'
import { FACETS, FacetList } from '../components/facets'
import { QueryField } from '../components/queryfield'
import { chosenColumns, DEFAULT_COLUMNS, RecordCard, RecordDrawer, recordColumns } from '../components/record'
import { Empty, Failure, Loading } from '../components/states'
import type { Column } from '../components/table'
import { Table } from '../components/table'
import { Text } from '../components/text'
import { useAsk } from '../hooks'
import { useKeys } from '../keys'
import { counters } from '../live'
import { scoped } from '../me'
import { count, plural } from '../plain'
import { terms } from '../query'
import { param, patch } from '../router'
import { before, behind, type Held } from '../rows'
import { askedWindow, delta, setWindow, windowText } from '../time'
import { uncovered } from '../uncovered'
import { TimelineView } from './timeline'

const PAGE = 200 // rows a question

const NONE: Held<Rec> = { question: '', rows: [], next: null }
const seqOf = (r: Rec) => r.seq
/** The records of a question, page after page, in one list; asked again, what is new comes before what is held. */
function useRows(question: { q: string; since: string; until: string; tz: number }, on: boolean) {
  const asking = { ...question, limit: PAGE }
  const url = address('search', asking)
  const first = useAsk<Search>(on ? 'search' : null, asking)
  const [held, setHeld] = useState(NONE)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<Error | null>(null)
  const stop = useRef<AbortController | null>(null)
  useLayoutEffect(() => {
    const d = first.data
    setError(null)
    if (d === null) setHeld(NONE)
    else if (first.of !== null) setHeld((h) => before(h, { question: first.of ?? '', rows: d.rows, next: d.next }, seqOf))
  }, [first.data])
  useEffect(
    () => () => {
      stop.current?.abort()
      setBusy(false)
    },
    [url],
  )
  const bring = () => {
    const cursor = held.next
    if (busy || first.loading || cursor === null || error || held.question !== url) return
    const mine = new AbortController()
    stop.current = mine
    setBusy(true)
    get<Search>('search', { ...asking, cursor }, mine.signal).then(
      (s) => {
        setBusy(false)
        setHeld((h) => behind(h, { question: url, rows: s.rows, next: s.next }, cursor, seqOf))
      },
      (e: unknown) => {
        if (isAbort(e)) return // of a question that is no longer asked
        setBusy(false)
        setError(e as Error)
      },
    )
  }
  return { first, rows: held.rows, bring, busy, next: held.next, error, retry: () => setError(null) }
}

export function SearchPage() {
  const q = param('q')
  const timeline = param('view') === 'timeline'
  const question = { q, ...askedWindow() }
  const list = useRows(question, !timeline)
  const histogram = useAsk<Histogram>('histogram', { ...question, buckets: 120 })
  const facets = useAsk<Facets>('facets', { ...question, top: 10, field: FACETS.map((f) => f.field) })
  const seq = Number(param('record')) || null
  const columns = useMemo(
    () => withDeltas(chosenColumns((param('columns') || DEFAULT_COLUMNS.join(',')).split(',')), list.rows),
    [param('columns'), list.rows],
  )
  const [choosing, setChoosing] = useState(false)
  const tail = param('tail') === '1' && question.until === '' && !timeline && !scoped.value
  const head = counters.value?.head ?? 0
  useEffect(() => {
    if (tail && head > 0 && !list.first.loading) {
      list.first.again()
      histogram.again()
    }
  }, [head, tail])
  useKeys([{ key: 't', text: 'records or timeline', run: () => patch({ view: timeline ? null : 'timeline' }) }])

  const error = list.first.error ?? histogram.error
  const look = (r: Rec | null) => patch({ record: r?.seq }, 'replace')
  const empty = histogram.data !== null && OUTCOMES.every((o) => !histogram.data?.series[o]?.some((n) => n > 0))
  return (
    <div class="stack">
      <QueryField
        value={q}
        error={error}
        onAsk={(to) => {
          if (to === q) {
            list.first.again()
            histogram.again()
            facets.again()
          } else patch({ q: to, record: null })
        }}
      />
      <Chips q={q} />
      {histogram.data && <CoverageLine of={histogram.data} />}
      {histogram.data && !histogram.error && (
        <section class={`panel${histogram.loading && !tail ? ' dim' : ''}`}>
          <OutcomeChart
            label={`${plural(histogram.data.total, 'record')}, ${windowText(question)}`}
            of={histogram.data.series}
            height={110}
            onSpan={(a, b) => {
              const w = spanWords(a, b)
              setWindow(w.since, w.until)
            }}
          />
        </section>
      )}
      <div class="search">
        <Side>
          <FacetList of={facets} q={q} />
        </Side>
        <section class="found" aria-label={timeline ? 'Timeline' : 'Records'}>
          <div class="tools">
            <div class="segments" role="group" aria-label="View">
              <button type="button" aria-pressed={!timeline} onClick={() => patch({ view: null })}>
                Records
              </button>
              <button type="button" aria-pressed={timeline} onClick={() => patch({ view: 'timeline' })}>
                Timeline
              </button>
            </div>
            {!timeline && (
              <>
                <button
                  type="button"
                  aria-pressed={tail}
                  disabled={question.until !== '' || scoped.value}
                  title={
                    question.until !== ''
                      ? 'The window ends in the past: nothing new can come into it'
                      : scoped.value
                        ? 'With a scope nothing comes by itself: ask again'
                        : 'New records appear by themselves'
                  }
                  onClick={() => patch({ tail: tail ? null : '1' }, 'replace')}
                >
                  {tail ? '● Following' : 'Follow'}
                </button>
                <button type="button" aria-haspopup="dialog" onClick={() => setChoosing(true)}>
                  Columns
                </button>
              </>
            )}
            <span class="quiet">
              {!timeline &&
                list.rows.length > 0 &&
                `${count(list.rows.length)}${list.next === null ? ', all of them' : ' read, newest first'}`}
            </span>
            <span class="spacer" />
            <a href={address('export', { ...question, form: 'csv' })} download="">
              CSV
            </a>
            <a href={address('export', { ...question, form: 'ndjson' })} download="">
              NDJSON
            </a>
          </div>
          {timeline ? (
            <TimelineView question={question} onLook={(r) => look(r)} />
          ) : list.first.error instanceof ApiError && list.first.error.status === 400 ? (
            <Empty title="Nothing was searched">What is wrong with the query stands below it; after that, Enter.</Empty>
          ) : list.first.error ? (
            <Failure error={list.first.error} again={list.first.again} />
          ) : list.first.data === null ? (
            <Loading what="Searching" />
          ) : list.rows.length === 0 ? (
            <Empty title={scoped.value ? 'No record that you may see fits' : 'No record fits'}>
              {empty && q === '' ? `Nothing ${scoped.value ? 'that you may see ' : ''}was recorded in this window.` : 'A longer window or fewer terms may find some.'}{' '}
              {uncovered(list.first.data.coverage) !== null && 'This window is not known to be covered as a whole: absence proves nothing there.'}
            </Empty>
          ) : (
            <div class={list.first.loading && !tail ? 'dim' : ''}>
              <Table
                label="Records"
                columns={columns}
                rows={list.rows}
                id={(r) => r.seq}
                primary
                card={(r) => <RecordCard of={r} />}
                all={30}
                onEnd={list.bring}
                onOpen={look}
                onMove={(r) => seq !== null && look(r)}
                rowClass={(r) => (r.seq === seq ? 'looked' : '')}
              />
              {list.busy && <Loading what="More" />}
              {list.error && <Failure error={list.error} again={list.retry} />}
            </div>
          )}
          {list.first.data && !timeline && <Command of={list.first.data.command} />}
        </section>
      </div>
      {seq !== null && <RecordDrawer seq={seq} onClose={() => look(null)} />}
      {choosing && <Choose onClose={() => setChoosing(false)} />}
    </div>
  )
}
/** The time from the record below (the one before it) to each, behind the time. */
function withDeltas(columns: Column<Rec>[], rows: readonly Rec[]): Column<Rec>[] {
  const before = new Map(rows.map((r, i) => [r.seq, rows[i + 1]]))
  const step: Column<Rec> = {
    key: 'step',
    title: 'Step',
    width: 76,
    num: true,
    cell: (r) => {
      const b = before.get(r.seq)
      return b ? <span class="quiet">{delta(b.time ?? b.arrival, r.time ?? r.arrival)}</span> : ''
    },
  }
  return columns[0]?.key === 'time' ? [columns[0], step, ...columns.slice(1)] : columns
}
/** The terms of the query, each taken away by a click. */
function Chips({ q }: { q: string }) {
  const all = terms(q)
  if (all.length === 0 || all.includes('OR')) return null
  return (
    <ul class="chips" aria-label="Terms of the query">
      {all.map((t, i) => (
        <li key={`${i}${t}`}>
          <button
            type="button"
            class={t.startsWith('-') ? 'off' : ''}
            onClick={() => patch({ q: all.filter((_x, k) => k !== i).join(' '), record: null })}
          >
            <Text of={t} max={59} /> <span aria-hidden="true">✕</span>
            <span class="hidden"> take away</span>
          </button>
        </li>
      ))}
      {all.length > 1 && (
        <li>
          <button type="button" class="quiet-button" onClick={() => patch({ q: null, record: null })}>
            all away
          </button>
        </li>
      )}
    </ul>
  )
}
/** The facets: beside the list where there is room, folded above it where not. */
function Side({ children }: { children: preact.ComponentChildren }) {
  const [open, setOpen] = useState(false)
  return (
    <div class={`facets${open ? ' open' : ''}`}>
      <button type="button" class="facets-button" aria-expanded={open} onClick={() => setOpen(!open)}>
        Filters {open ? '▴' : '▾'}
      </button>
      <div class="facets-body" role="group" aria-label="Filters">
        {children}
      </div>
    </div>
  )
}
function Choose({ onClose }: { onClose: () => void }) {
  const [on, setOn] = useState((param('columns') || DEFAULT_COLUMNS.join(',')).split(','))
  const apply = (next: string[]) => {
    setOn(next)
    patch({ columns: next.join(',') === DEFAULT_COLUMNS.join(',') ? null : next.join(',') }, 'replace')
  }
  return (
    <Dialog title="Columns" onClose={onClose}>
      <fieldset class="checks">
        <legend class="quiet">In the order they are chosen</legend>
        {recordColumns().map((c) => (
          <label key={c.key}>
            <input
              type="checkbox"
              checked={on.includes(c.key)}
              disabled={c.key === 'time'}
              onChange={() => apply(on.includes(c.key) ? on.filter((k) => k !== c.key) : [...on, c.key])}
            />{' '}
            {c.title}
          </label>
        ))}
      </fieldset>
      <div class="buttons">
        <button type="button" class="main-button" onClick={onClose}>
          Done
        </button>
        <button type="button" onClick={() => apply(DEFAULT_COLUMNS)}>
          As usual
        </button>
      </div>
    </Dialog>
  )
}
