// The read-only workspace endpoints of the emulator.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HEADERS, post, start, TIMEOUT } from './support.mjs'

const get = (emulator, name, headers = HEADERS) =>
  post(emulator, `/v2/workspace/${name}/get`, { data: {} }, { headers })

const dataOf = async (emulator, name) => (await get(emulator, name)).json.result.data

describe('workspace', TIMEOUT, () => {
  test('the answers have the format of the reference of Velt', async (t) => {
    const emulator = await start(t)
    assert.deepEqual((await get(emulator, 'apikeyconfig')).json.result, {
      status: 'success',
      message: 'API key metadata retrieved successfully.',
      data: {
        ownerEmail: 'owner@example.com',
        planInfo: { type: 'sdk test' },
        defaultDocumentAccessType: 'restricted',
        isPrivateCommentsEnabled: false,
        requireJwtToken: true,
        requireAutoOrgUser: false,
      },
    })
    assert.deepEqual((await get(emulator, 'domains')).json.result, {
      status: 'success',
      message: 'Allowed domains retrieved successfully.',
      data: { allowedDomains: ['localhost', '127.0.0.1'] },
    })
    assert.deepEqual((await get(emulator, 'permissionproviderconfig')).json.result, {
      status: 'success',
      message: 'Permission provider configuration retrieved successfully.',
      data: {
        usePermissionProvider: false,
        permissionProviderConfig: { permissionProviderUrl: '', authToken: '' },
      },
    })
  })

  test('options change the answers', async (t) => {
    const url = 'https://app.example.com/api/check-permissions'
    const emulator = await start(t, {
      requireJwtToken: false,
      allowedDomains: ['app.example.com'],
      permissionProvider: { url, token: 'bearer' },
    })
    assert.equal((await dataOf(emulator, 'apikeyconfig')).requireJwtToken, false)
    assert.deepEqual(await dataOf(emulator, 'domains'), { allowedDomains: ['app.example.com'] })
    assert.deepEqual(await dataOf(emulator, 'permissionproviderconfig'), {
      usePermissionProvider: true,
      permissionProviderConfig: { permissionProviderUrl: url, authToken: 'bearer' },
    })
  })

  test('wrong credentials are rejected', async (t) => {
    const emulator = await start(t)
    for (const name of ['apikeyconfig', 'domains', 'permissionproviderconfig']) {
      const { status, json } = await get(emulator, name, { ...HEADERS, 'x-velt-api-key': 'wrong' })
      assert.equal(status, 403)
      assert.deepEqual(json.error, { status: 'PERMISSION_DENIED', message: 'Invalid API key.' })
    }
  })
})
