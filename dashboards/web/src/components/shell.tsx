// Shell: what stands on every page: navigation, search, zone and theme, whether the page is live, messages, keys.
import { useEffect, useRef, useState } from 'preact/hooks'
import { ApiError } from '../api'
import type { Page } from '../pages'
import { PAGES } from '../pages'
import { counters, liveState, newest } from '../live'
import { keysNow, useKeys } from '../keys'
import { home, logOut, may, me, scoped, sees } from '../me'
import { WINDOW } from '../paths'
import { href, go, named, path } from '../router'
import { said, say } from '../said'
import { setTheme, theme, type Theme } from '../theme'
import { setZone, zone, zoneText } from '../time'
import { count, plural } from '../plain'
import { SeverityBadge } from './badge'
import { Dialog } from './dialog'
import { MenuPlace } from './menu'
import { Guard } from './states'
import { Text } from './text'
import { WindowPicker } from './window'

export function Shell({ page, subject }: { page: Page | undefined; subject: string }) {
  const [keys, setKeys] = useState(false)
  const [open, setOpen] = useState(false)
  useKeys([
    { key: '/', text: 'to the search', run: () => document.querySelector<HTMLElement>('[data-search]')?.focus() },
    { key: '?', text: 'these keys', run: () => setKeys(true) },
  ])
  const here = path.value
  useEffect(() => {
    setOpen(false)
  }, [here])
  useEffect(() => {
    document.title = page ? `${page.title} – keytrail` : 'keytrail'
  }, [page])
  const Show = page?.show
  const usual = page && WINDOW[page.path]
  const allowed = page !== undefined && may(page.role ?? 'viewer') && sees(page.path)
  return (
    <>
      <a class="skip" href="#main">
        To the content
      </a>
      <header class="top">
        <a class="brand" href={href(home.value, named())}>
          keytrail
        </a>
        <button type="button" class="nav-button" aria-expanded={open} aria-controls="nav" onClick={() => setOpen(!open)}>
          {page?.nav ? page.title : 'Menu'} ▾
        </button>
        <nav id="nav" class={open ? 'open' : ''} aria-label="Pages">
          {PAGES.filter((p) => p.nav && may(p.role ?? 'viewer') && sees(p.path)).map((p) => (
            <a key={p.path} href={href(p.path, named())} aria-current={p.path === here ? 'page' : undefined}>
              {p.title}
              {p.path === '/alerts' && <OpenCount />}
            </a>
          ))}
        </nav>
        {here !== '/search' && <SearchBox />}
        <LiveState />
        <Person />
      </header>
      <Newcomer />
      <main id="main" tabIndex={-1}>
        <div class="page-head">
          <h1>{page?.title ?? 'No such page'}</h1>
          {usual !== undefined && allowed && <WindowPicker usual={usual} />}
        </div>
        {Show && allowed ? (
          <Guard key={subject}>
            <Show />
          </Guard>
        ) : (
          <p class="state">
            {page && !sees(page.path)
              ? 'This page tells of more than your scope.'
              : page
              ? `This page needs the role ${page.role}; yours is ${me.value ? me.value.role : 'none'}.`
              : 'There is no page at this address.'}{' '}
            <a href={href(home.value)}>{home.value === '/' ? 'Overview' : 'Search'}</a>
          </p>
        )}
      </main>
      <footer class="foot quiet">
        {me.value && (
          <>
            <span>keytrail {me.value.version}</span> <Text of={me.value.store} /> <span>log {me.value.log.slice(0, 8)}</span>
          </>
        )}
        <span>times in {zoneText.value}</span>
        <button type="button" class="quiet-button" onClick={() => setKeys(true)}>
          keys: ?
        </button>
      </footer>
      <div class={`said${said.value === '' ? '' : ' shown'}`} role="status">
        {said.value}
      </div>
      <MenuPlace />
      {keys && <Keys onClose={() => setKeys(false)} />}
    </>
  )
}
function OpenCount() {
  const by = counters.value?.alerts_open ?? {}
  const n = Object.values(by).reduce((s, x) => s + x, 0)
  const loud = (by.critical ?? 0) + (by.high ?? 0) > 0
  return n > 0 ? (
    <span class={`count${loud ? ' loud' : ''}`} title={`${plural(n, 'open alert')}`}>
      {count(n)}
    </span>
  ) : null
}
function SearchBox() {
  const [q, setQ] = useState('')
  return (
    <form
      class="quick"
      role="search"
      aria-label="All records"
      onSubmit={(e) => {
        e.preventDefault()
        go('/search', { q })
        setQ('')
      }}
    >
      <input
        data-search
        type="search"
        value={q}
        onInput={(e) => setQ(e.currentTarget.value)}
        placeholder="Search: actor:alice ip:203.0.113.0/24  (/)"
        aria-label="Search the records"
        autoComplete="off"
        spellcheck={false}
      />
    </form>
  )
}
function LiveState() {
  const state = liveState.value
  const c = counters.value
  const [is, word, title] = scoped.value
    ? ['idle', 'when asked', 'With a scope nothing comes by itself: ask again to see what is new']
    : state === 'live'
      ? c && !c.collector
        ? [
            'warn',
            'no collector',
            'The collector does not answer: what is stored can be read, nothing new arrives and nothing can be decided',
          ]
        : ['good', 'live', c ? `${count(Math.round(c.per_minute))} events a minute, ${count(c.events)} stored` : 'live']
      : state === 'lost'
        ? ['bad', 'not live', 'The connection to the server is lost; the page tries again by itself']
        : ['idle', '…', 'connecting']
  return (
    <span class={`live live-${is}`} title={title} role="status">
      <i aria-hidden="true" />
      {word}
    </span>
  )
}
function Person() {
  const [open, setOpen] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (!open) return
    const away = (e: Event) => {
      if (!box.current?.contains(e.target as Node)) setOpen(false)
    }
    document.addEventListener('pointerdown', away)
    document.addEventListener('focusin', away)
    return () => {
      document.removeEventListener('pointerdown', away)
      document.removeEventListener('focusin', away)
    }
  }, [open])
  const m = me.value || null
  return (
    <div
      class="person"
      ref={box}
      onKeyDown={(e) => {
        if (e.key === 'Escape') setOpen(false)
      }}
    >
      <button type="button" class="quiet-button" aria-expanded={open} aria-controls="person" onClick={() => setOpen(!open)}>
        <span class="wide-only">{zone.value === 'utc' ? 'UTC' : 'local'} · </span>
        <Text of={m?.user ?? ''} max={24} /> ▾
      </button>
      <div id="person" class="person-box" hidden={!open}>
        <p>
          <Text of={m?.user ?? ''} max={80} /> <span class="quiet">({m?.role})</span>
        </p>
        {m?.scope && (
          <p class="quiet">
            You see what fits <Text of={m.scope} />
          </p>
        )}
        <Choose
          label="Times"
          value={zone.value}
          of={[
            ['utc', 'UTC'],
            ['local', 'local'],
          ]}
          onPick={(z) => setZone(z as 'utc' | 'local')}
        />
        <Choose
          label="Colours"
          value={theme.value}
          of={[
            ['system', 'system'],
            ['light', 'light'],
            ['dark', 'dark'],
          ]}
          onPick={(t) => setTheme(t as Theme)}
        />
        <button
          type="button"
          onClick={() =>
            void logOut().catch((e: unknown) => say(e instanceof ApiError ? e.message : 'Not logged out: try again'))
          }
        >
          Log out
        </button>
      </div>
    </div>
  )
}
function Choose({
  label,
  value,
  of,
  onPick,
}: {
  label: string
  value: string
  of: readonly [string, string][]
  onPick: (v: string) => void
}) {
  return (
    <div class="choose">
      <span class="quiet">{label}</span>
      <div class="segments" role="group" aria-label={label}>
        {of.map(([v, text]) => (
          <button key={v} type="button" aria-pressed={v === value} onClick={() => onPick(v)}>
            {text}
          </button>
        ))}
      </div>
    </div>
  )
}
/** An alert that came while somebody looks: one line, until they follow or close it. */
function Newcomer() {
  const a = newest.value
  if (!a || a.status !== 'open' || (a.severity !== 'high' && a.severity !== 'critical')) return null
  return (
    <div class="newcomer" role="status">
      <SeverityBadge of={a.severity} />{' '}
      <a href={href('/alert', { id: a.id, since: null, until: null })}>
        <Text of={a.title} max={160} />
      </a>
      <button
        type="button"
        class="quiet-button"
        aria-label="Close this message"
        onClick={() => {
          newest.value = null
        }}
      >
        ✕
      </button>
    </div>
  )
}
function Keys({ onClose }: { onClose: () => void }) {
  const [now] = useState(keysNow)
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="keys">
        {now.map((k) => (
          <>
            <dt>
              <kbd>{k.key}</kbd>
            </dt>
            <dd>{k.text}</dd>
          </>
        ))}
        <dt>
          <kbd>Alt</kbd> click
        </dt>
        <dd>on a value of a facet: without it</dd>
      </dl>
    </Dialog>
  )
}
