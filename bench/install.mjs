// Installs what is in npm/ as its users do: what is measured is what is shipped.

import { fileURLToPath } from 'node:url'
import { publishRelease } from '../__test__/support/release.mjs'

const release = await publishRelease()
await release.npm(fileURLToPath(new URL('.', import.meta.url)), 'install', '--no-save', 'velt-auth')
await release.close()
