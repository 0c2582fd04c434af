// What is configured.
import { Empty } from '../components/states'

export function SettingsPage() {
  return <Empty title="Not on the page yet">The command line answers this: keytrail --help.</Empty>
}
