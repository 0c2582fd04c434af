// The log proves itself.
import { Empty } from '../components/states'

export function Integrity() {
  return <Empty title="Not on the page yet">The command line answers this: keytrail --help.</Empty>
}
