// What an answer over a window cannot speak about: said above it, whenever it is not everything.
import type { Windowed } from '../api'
import { href } from '../router'
import { count } from '../plain'
import { Text } from './text'

export function CoverageLine({ of, loud = false }: { of: Windowed; loud?: boolean }) {
  const gap = of.coverage !== null && (of.coverage.gaps > 0 || (of.coverage.share !== null && of.coverage.share < 1))
  if (!gap && of.damage === 0) return null
  return (
    <p class={`note ${loud ? 'bad' : 'warn'}`} role="note">
      {gap && of.coverage && (
        <>
          <Text of={of.coverage.text} max={300} /> <a href={href('/coverage')}>Coverage</a>{' '}
        </>
      )}
      {of.damage > 0 && (
        <>
          {count(of.damage)} {of.damage === 1 ? 'place' : 'places'} of the store could not be read: run{' '}
          <code>keytrail verify</code>.
        </>
      )}
    </p>
  )
}
