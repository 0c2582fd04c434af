// The map of any query and window.
import type { MapPage } from '../api'
import { Answer, Empty } from '../components/states'
import { CoverageLine } from '../components/coverage'
import { useAsk } from '../hooks'
import { WorldMapView } from '../map'
import { scoped } from '../me'
import { param } from '../router'
import { askedWindow } from '../time'

export function WorldMap() {
  const asked = useAsk<MapPage>('map', { q: param('q'), ...askedWindow() })
  return (
    <Answer of={asked} what="Counting countries">
      {(m) => (
        <div class="stack">
          <CoverageLine of={m} />
          {m.events === 0 && <Empty title={scoped.value ? 'Nothing that you may see was recorded in this window' : 'Nothing was recorded in this window'} />}
          <WorldMapView countries={m.countries} unlocated={m.unlocated} />
        </div>
      )}
    </Answer>
  )
}
