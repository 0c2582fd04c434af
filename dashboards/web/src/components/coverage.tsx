// What an answer over a window cannot speak about: said above it, whenever it is not everything.
import type { Windowed } from '../api'
import { sees } from '../me'
import { href } from '../router'
import { count } from '../plain'
import { known, uncovered } from '../uncovered'
import { Text } from './text'

export function CoverageLine({ of, loud = false }: { of: Partial<Pick<Windowed, 'coverage' | 'damage'>>; loud?: boolean }) {
  const said = uncovered(of.coverage)
  const damage = of.damage ?? 0
  if (said === null && damage === 0) return null
  return (
    <p class={`note ${loud && (damage > 0 || known(of.coverage?.share) !== null) ? 'bad' : 'warn'}`} role="note">
      {said !== null && (
        <>
          <Text of={said} max={300} /> {sees('/coverage') && <a href={href('/coverage')}>Coverage</a>}{' '}
        </>
      )}
      {damage > 0 && (
        <>
          {count(damage)} {damage === 1 ? 'place' : 'places'} of the store could not be read: run <code>keytrail verify</code>.
        </>
      )}
    </p>
  )
}
