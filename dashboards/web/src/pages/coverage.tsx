// What the log cannot speak about.
import { Empty } from '../components/states'

export function Coverage() {
  return <Empty title="Not on the page yet">The command line answers this: keytrail --help.</Empty>
}
