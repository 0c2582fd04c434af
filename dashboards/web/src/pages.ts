// pages: every page, one line each: its path, its name in the navigation (none: reached from values), who may see it
// (paths.ts: its window, and what users with a scope see).
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
  show: ComponentType
}
export const PAGES: readonly Page[] = [
  { path: '/', title: 'Overview', nav: true, show: OverviewPage },
  { path: '/search', title: 'Search', nav: true, show: SearchPage },
  { path: '/alerts', title: 'Alerts', nav: true, show: AlertList },
  { path: '/map', title: 'Map', nav: true, show: WorldMap },
  { path: '/coverage', title: 'Coverage', nav: true, show: Coverage },
  { path: '/reports', title: 'Reports', nav: true, role: 'auditor', show: ReportList },
  { path: '/integrity', title: 'Integrity', nav: true, show: Integrity },
  { path: '/settings', title: 'Settings', nav: true, show: SettingsPage },
  { path: '/alert', title: 'Alert', show: AlertDetail },
  { path: '/silences', title: 'Silences', show: Silences },
  { path: '/actor', title: 'Actor', show: ActorPage },
  { path: '/secret', title: 'Secret', show: SecretPage },
  { path: '/ip', title: 'Address', show: IpPage },
  { path: '/session', title: 'Session', show: SessionPage },
  { path: '/source', title: 'Source', show: SourceDetail },
  { path: '/blast', title: 'Blast radius', show: Blast },
]
