// @ts-check

// The configuration of the workspace, as Velt's read-only endpoints return it.

'use strict'

/** @typedef {import('./index.js').EmulatorOptions} EmulatorOptions */

/**
 * The `result.data` of each endpoint. The fields without an option have the values of Velt's reference,
 * except for the access type, which is the one that the emulator's permissions have.
 *
 * @param {Pick<EmulatorOptions, 'requireJwtToken' | 'allowedDomains' | 'permissionProvider'>} options
 */
function workspaceConfig({
  requireJwtToken = true,
  allowedDomains = ['localhost', '127.0.0.1'],
  permissionProvider,
}) {
  return {
    apiKey: {
      ownerEmail: 'owner@example.com',
      planInfo: { type: 'sdk test' },
      defaultDocumentAccessType: 'restricted',
      isPrivateCommentsEnabled: false,
      requireJwtToken,
      requireAutoOrgUser: false,
    },
    domains: { allowedDomains },
    permissionProvider: {
      usePermissionProvider: permissionProvider !== undefined,
      permissionProviderConfig: {
        permissionProviderUrl: permissionProvider?.url ?? '',
        authToken: permissionProvider?.token ?? '',
      },
    },
  }
}

exports.workspaceConfig = workspaceConfig
