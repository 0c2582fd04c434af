// The blast radius of a value.
import { Empty } from '../components/states'

export function Blast() {
  return <Empty title="Not on the page yet">The command line answers this: keytrail --help.</Empty>
}
