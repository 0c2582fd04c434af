// One alert.
import { Empty } from '../components/states'

export function AlertDetail() {
  return <Empty title="Not on the page yet">The command line answers this: keytrail --help.</Empty>
}
