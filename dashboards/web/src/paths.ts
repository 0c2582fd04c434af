// paths: what a page's path says: the window it shows when the address names none, and whether it tells of records alone.

/** The window without one in the address; '': all that is stored. Paths that are not here have none. */
export const WINDOW: Readonly<Record<string, string>> = {
  '/': '24h',
  '/search': '24h',
  '/map': '24h',
  '/coverage': '30d',
  '/actor': '7d',
  '/secret': '7d',
  '/ip': '7d',
  '/session': '',
  '/source': '30d',
  '/blast': '',
}
/** What users with a scope may see: the pages whose calls the server answers them (KT_API_SCOPED). */
export const SCOPED: ReadonlySet<string> = new Set(['/', '/search', '/map', '/alerts', '/alert', '/actor', '/secret', '/ip', '/session', '/source'])
