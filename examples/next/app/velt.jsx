'use client'

import { VeltProvider } from '@veltdev/react'
import { useMemo } from 'react'
import { createAuthProvider } from 'velt-auth/browser'

/** `cdnHost` is where Velt's SDK comes from, if not from Velt's own CDN. */
export function Velt({ apiKey, cdnHost, user: { userId, organizationId, email } }) {
  // Velt's SDK starts anew with each new provider, so it is made once for a user.
  const authProvider = useMemo(
    () => createAuthProvider({ user: { userId, organizationId, email } }),
    [userId, organizationId, email],
  )
  return (
    <VeltProvider
      apiKey={apiKey}
      authProvider={authProvider}
      config={{ proxyConfig: { cdnHost } }}
    />
  )
}
