// undici, with a limit on its connections.

import { openPool } from './undici.mjs'

export const open = ({ baseUrl }) => openPool(baseUrl, { connections: 128 })
