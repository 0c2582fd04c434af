// Map: where from. Circles by count over the outlines of countries, and beside it a table of the same figures, with what
// has no country: nothing is dropped. Works without a network: the outlines come from our own server.
import { geoCentroid, geoEqualEarth, geoPath } from 'd3-geo'
import type { Feature } from 'geojson'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { feature } from 'topojson-client'
import type { GeometryCollection, Topology } from 'topojson-specification'
import outlines from 'world-atlas/countries-110m.json?url'
import type { Country, Unlocated } from './api'
import type { Column } from './components/table'
import { Table } from './components/table'
import { Value } from './components/value'
import { countryName, OUTLINE, PLACE } from './countries'
import { count, percent } from './plain'
import { term } from './query'
import { go } from './router'

const WIDE = 760
const HIGH = 370 // of the whole globe; what was Antarctica is cut off
const SEEN = 332
const projection = geoEqualEarth()
  .rotate([-11, 0]) // no land is torn apart at the edge
  .fitExtent(
    [
      [2, 2],
      [WIDE - 2, HIGH - 2],
    ],
    { type: 'Sphere' },
  )
const path = geoPath(projection)

interface World {
  land: { id: string; d: string }[]
  middle: Map<string, [number, number]>
}
// Middles as people see them: the centroid of all parts of these lies off the mainland.
const MAINLAND: readonly [string, [number, number]][] = [
  ['250', [2.5, 46.6]],
  ['840', [-98.5, 39.5]],
  ['578', [9, 61.5]],
]
let world: Promise<World> | null = null
async function load(): Promise<World> {
  const r = await fetch(outlines)
  if (!r.ok) throw new Error(`the outlines: ${r.status}`)
  const t = (await r.json()) as Topology<{ countries: GeometryCollection }>
  const all: Feature[] = feature(t, t.objects.countries).features.filter((f) => f.id !== '010') // Antarctica: room for the others
  return {
    land: all.map((f, i) => ({ id: String(f.id ?? `unnamed-${i}`), d: path(f) ?? '' })),
    middle: new Map([...all.map((f): [string, [number, number]] => [String(f.id), geoCentroid(f)]), ...MAINLAND]),
  }
}

interface Row {
  key: string
  name: string
  code: string | null
  events: number
  failed: number | null
  actors: number | null
}
export interface MapProps {
  countries: readonly Country[]
  unlocated: Unlocated
  /** Beside the map (default) or below it. */
  below?: boolean
  onPick?: (country: string) => void
}

export function WorldMapView({ countries, unlocated, below = false, onPick }: MapProps) {
  const [w, setWorld] = useState<World | null>(null)
  const [failed, setFailed] = useState(false)
  useEffect(() => {
    let gone = false
    world ??= load()
    world.then(
      (x) => !gone && setWorld(x),
      () => {
        world = null
        if (!gone) setFailed(true)
      },
    )
    return () => {
      gone = true
    }
  }, [])
  const rows = useMemo<Row[]>(
    () => [
      ...countries.map((c) => ({
        key: c.country,
        name: countryName(c.country),
        code: c.country,
        events: c.events,
        failed: c.failed,
        actors: c.actors,
      })),
      ...(unlocated.private > 0
        ? [{ key: '-private', name: 'private networks', code: null, events: unlocated.private, failed: null, actors: null }]
        : []),
      ...(unlocated.unknown > 0
        ? [{ key: '-unknown', name: 'no known country', code: null, events: unlocated.unknown, failed: null, actors: null }]
        : []),
      ...((unlocated.none ?? 0) > 0
        ? [{ key: '-none', name: 'no address', code: null, events: unlocated.none ?? 0, failed: null, actors: null }]
        : []),
    ],
    [countries, unlocated],
  )
  const pick = onPick ?? ((code: string) => go('/search', { q: term('country', code) }))
  const most = Math.max(1, ...countries.map((c) => c.events))
  const dots = useMemo(() => {
    if (!w) return []
    return countries
      .map((c) => {
        const at = PLACE.get(c.country) ?? w.middle.get(OUTLINE.get(c.country) ?? '')
        const xy = at && projection(at)
        return xy ? { c, x: xy[0], y: xy[1], r: 3 + 19 * Math.sqrt(c.events / most) } : null
      })
      .filter((d) => d !== null)
      .sort((a, b) => b.r - a.r) // small ones on top
  }, [w, countries, most])
  const unseen = w ? countries.filter((c) => !dots.some((d) => d.c === c)).length : 0
  const all = rows.reduce((s, r) => s + r.events, 0)
  const columns: Column<Row>[] = [
    {
      key: 'country',
      title: 'Country',
      narrow: true,
      by: (r) => r.name,
      cell: (r) => (r.code === null ? r.name : <Value field="country" of={r.code} show={r.name} />),
      value: (r) => (r.code === null ? null : { field: 'country', value: r.code }),
    },
    { key: 'events', title: 'Events', num: true, narrow: true, width: 84, by: (r) => r.events, cell: (r) => count(r.events) },
    {
      key: 'share',
      title: 'Share',
      num: true,
      width: 64,
      cell: (r) => percent(all > 0 ? Math.min(r.events / all, rows.length > 1 ? 0.999 : 1) : 0),
    },
    {
      key: 'failed',
      title: 'Failed',
      num: true,
      narrow: true,
      width: 72,
      by: (r) => r.failed,
      cell: (r) => (r.failed === null ? '–' : count(r.failed)),
    },
    {
      key: 'actors',
      title: 'Actors',
      num: true,
      width: 68,
      by: (r) => r.actors,
      cell: (r) => (r.actors === null ? '–' : count(r.actors)),
    },
  ]
  return (
    <div class={`map${below ? ' below' : ''}`}>
      <figure>
        {failed ? (
          <p class="note warn">The outlines could not be loaded; the table has the same figures.</p>
        ) : (
          <svg
            viewBox={`0 0 ${WIDE} ${SEEN}`}
            role="img"
            aria-label="Map of where events came from; the table beside it has the same figures"
          >
            {w?.land.map((l) => (
              <path key={l.id} class="land" d={l.d} />
            ))}
            {dots.map((d) => (
              <g key={d.c.country} class="spot" onClick={() => pick(d.c.country)}>
                <circle class="dot" cx={d.x} cy={d.y} r={d.r} />
                {d.c.failed > 0 && (
                  <circle class="dot-failed" cx={d.x} cy={d.y} r={d.r * Math.sqrt(Math.min(1, d.c.failed / d.c.events))} />
                )}
                <title>{`${countryName(d.c.country)}: ${count(d.c.events)} events, ${count(d.c.failed)} denied, failed or not found`}</title>
              </g>
            ))}
          </svg>
        )}
        <figcaption class="quiet">
          <span class="key">
            <i class="swatch dot-key" aria-hidden="true" /> events
          </span>{' '}
          <span class="key">
            <i class="swatch failed-key" aria-hidden="true" /> of these denied, failed or not found
          </span>
          {unseen > 0 && <span> · {unseen} only in the table</span>}
        </figcaption>
      </figure>
      <Table
        label="Events by country"
        columns={columns}
        rows={rows}
        id={(r) => r.key}
        all={14}
        sorted={{ key: 'events', down: true }}
        onOpen={(r) => (r.code === null ? undefined : pick(r.code))}
      />
    </div>
  )
}
