// SPDX-License-Identifier: MIT
// The official client, in each line that is in use.
import * as v02 from 'tap-client-0-2'
import * as v03 from '@atproto/tap'

export const clients = { '0.2': v02, '0.3': v03 }
