// What is known about a name: actor, secret, address, session.
import { Empty } from '../components/states'

function Named() {
  return <Empty title="Not on the page yet">The command line answers this: keytrail --help.</Empty>
}
export const ActorPage = Named
export const SecretPage = Named
export const IpPage = Named
export const SessionPage = Named
