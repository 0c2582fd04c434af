// The map of any query and window.
import type { MapPage } from '../api'
import { Answer } from '../components/states'
import { CoverageLine } from '../components/coverage'
import { useAsk } from '../hooks'
import { WorldMapView } from '../map'
import { param } from '../router'
import { askedWindow } from '../time'

export function WorldMap() {
  const asked = useAsk<MapPage>('map', { q: param('q'), ...askedWindow() })
  return (
    <Answer of={asked} what="Counting countries">
      {(m) => (
        <div class="stack">
          <CoverageLine of={m} />
          <WorldMapView countries={m.countries} unlocated={m.unlocated} />
        </div>
      )}
    </Answer>
  )
}
