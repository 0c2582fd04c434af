// One source.
import { Empty } from '../components/states'

export function SourceDetail() {
  return <Empty title="Not on the page yet">The command line answers this: keytrail --help.</Empty>
}
