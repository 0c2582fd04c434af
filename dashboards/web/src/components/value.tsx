// Value: one value of an event: a link to its page where it has one, and a menu: filter in, filter out, open, copy.
import { say } from '../said'
import { sees } from '../me'
import { href, go, param, path } from '../router'
import { term, toggle } from '../query'
import { plain, cut } from '../plain'
import { Text } from './text'
import type { Choice } from './menu'
import { openMenu } from './menu'

/** Fields of the query language that have a page of their own, and its parameter. */
const PAGES: Record<string, { page: string; name: string; called: string }> = {
  actor: { page: '/actor', name: 'value', called: 'actor' },
  secret: { page: '/secret', name: 'value', called: 'secret' },
  ip: { page: '/ip', name: 'value', called: 'address' },
  session: { page: '/session', name: 'value', called: 'session' },
  instance: { page: '/source', name: 'instance', called: 'source' },
  id: { page: '/alert', name: 'id', called: 'alert' },
}
const ADDRESS_MAX = 8000 // longer ones do not fit the server's 16 KiB of address once they are encoded

const QUERY_MAX = 4096 // docs/query.md

/** The page of a value, or null: it has none, or not for who looks. */
export function pageOf(field: string, value: string): string | null {
  const p = PAGES[field]
  return p && sees(p.page) && value !== '' && new URLSearchParams({ value }).toString().length <= ADDRESS_MAX ? href(p.page, { [p.name]: value }) : null
}
/** Into the search: on its page the term joins (or leaves) the query, elsewhere it starts one. */
export function filter(field: string, value: string, out = false): void {
  if (term(field, value).length > QUERY_MAX) {
    say('This value is too long for a query, which has at most 4,096 characters')
    return
  }
  const q = path.value === '/search' ? param('q') : ''
  go('/search', { ...kept(), q: toggle(q, field, value, out) })
}
function kept(): Record<string, string> {
  return path.value === '/search' ? { columns: param('columns'), view: param('view') } : {}
}
export async function copy(text: string, what = 'Copied'): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    say(what)
  } catch {
    say('This browser does not let the page copy: select the text and copy it')
  }
}
export function choicesOf(field: string, value: string): Choice[] {
  const page = pageOf(field, value)
  return [
    { text: 'Only this', note: 'f', run: () => filter(field, value) },
    { text: 'Without this', note: 'x', run: () => filter(field, value, true) },
    ...(page === null ? [] : [{ text: `Open the ${PAGES[field]?.called}’s page`, href: page }]),
    { text: 'Copy', run: () => void copy(value) },
  ]
}

export function Value({
  field,
  of,
  max = 59,
  mono = false,
  menu = true,
  show,
  tail = false,
}: {
  field: string // of the query language
  of: string | number | null | undefined
  max?: number
  mono?: boolean
  menu?: boolean
  tail?: boolean // where there is no room, its end is shown: paths differ there
  show?: string // instead of the value itself: a name of ours for a code
}) {
  if (of === null || of === undefined || of === '') return <span class="none">–</span>
  const value = String(of)
  const page = pageOf(field, value)
  const text = <Text of={show ?? value} max={max} mono={mono} tail={tail} />
  return (
    <span class={tail ? 'value tail' : 'value'}>
      {page === null ? text : <a href={page}>{text}</a>}
      {menu && (
        <button
          type="button"
          class="dots"
          aria-haspopup="menu"
          aria-label={`Filter or copy ${plain(cut(value, 60))}`}
          onClick={(e) => {
            e.stopPropagation()
            openMenu(e.currentTarget, plain(cut(value, 60)), choicesOf(field, value))
          }}
        >
          ⋯
        </button>
      )}
    </span>
  )
}
