// pages: every page, one line each: its path, its name in the navigation (none: reached from values), who may see it.
import type { ComponentType } from 'preact'
import type { Me } from './api'
import { ActorPage, IpPage, SecretPage, SessionPage } from './pages/named'
import { AlertDetail } from './pages/alert'
import { AlertList } from './pages/alerts'
import { Blast } from './pages/blast'
import { Coverage } from './pages/coverage'
import { Integrity } from './pages/integrity'
import { OverviewPage } from './pages/overview'
import { ReportList } from './pages/reports'
import { SearchPage } from './pages/search'
import { SettingsPage } from './pages/settings'
import { Silences } from './pages/silences'
import { SourceDetail } from './pages/source'
import { WorldMap } from './pages/map'

export interface Page {
  path: string
  title: string
  nav?: boolean
  role?: Me['role'] // the least; viewer without one
  /** The window that is asked for when the address names none; no window at all without it. */
  window?: string
  show: ComponentType
}
export const PAGES: readonly Page[] = [
  { path: '/', title: 'Overview', nav: true, window: '24h', show: OverviewPage },
  { path: '/search', title: 'Search', nav: true, window: '24h', show: SearchPage },
  { path: '/alerts', title: 'Alerts', nav: true, show: AlertList },
  { path: '/map', title: 'Map', nav: true, window: '24h', show: WorldMap },
  { path: '/coverage', title: 'Coverage', nav: true, window: '30d', show: Coverage },
  { path: '/reports', title: 'Reports', nav: true, role: 'auditor', show: ReportList },
  { path: '/integrity', title: 'Integrity', nav: true, show: Integrity },
  { path: '/settings', title: 'Settings', nav: true, show: SettingsPage },
  { path: '/alert', title: 'Alert', show: AlertDetail },
  { path: '/silences', title: 'Silences', show: Silences },
  { path: '/actor', title: 'Actor', window: '7d', show: ActorPage },
  { path: '/secret', title: 'Secret', window: '7d', show: SecretPage },
  { path: '/ip', title: 'Address', window: '7d', show: IpPage },
  { path: '/session', title: 'Session', window: '7d', show: SessionPage },
  { path: '/source', title: 'Source', window: '30d', show: SourceDetail },
  { path: '/blast', title: 'Blast radius', window: '7d', show: Blast },
]
