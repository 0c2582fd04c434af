// Evidence packages.
import { Empty } from '../components/states'

export function ReportList() {
  return <Empty title="Not on the page yet">The command line answers this: keytrail --help.</Empty>
}
