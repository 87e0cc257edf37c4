// All screens. path: below /console, ':name' is a parameter; view gets params and
// query. nav: its group in the sidebar (none: not there), text nav.NAME, icon.
// needs: [least role, scope], else it is not in the sidebar.
// Each screen is fetched when it is looked at: lazy(() => import('./screens/x.js'), 'X').
// SPDX-License-Identifier: Apache-2.0

import { lazy } from './ui/lazy.js';

export const GROUPS = ['watch', 'manage', 'try', 'system'];

export const screens = [
    { path: '/', name: 'overview', nav: 'watch', icon: 'overview', view: lazy(() => import('./screens/overview.js'), 'Overview') },
    { path: '/usage', name: 'usage', nav: 'watch', icon: 'usage', view: lazy(() => import('./screens/usage.js'), 'Usage'), needs: ['read-only', 'usage:read'] },
    { path: '/logs', name: 'logs', nav: 'watch', icon: 'logs', view: lazy(() => import('./screens/logs.js'), 'Logs'), needs: ['read-only', 'logs:read'] },
    { path: '/keys', name: 'keys', nav: 'manage', icon: 'keys', view: lazy(() => import('./screens/keys.js'), 'Keys'), needs: ['read-only', 'keys:read'] },
    { path: '/keys/new', name: 'key_create', section: 'keys', view: lazy(() => import('./screens/key_create.js'), 'KeyCreate') },
    { path: '/keys/:id', name: 'key', section: 'keys', view: lazy(() => import('./screens/key.js'), 'Key') },
    { path: '/groups', name: 'groups', nav: 'manage', icon: 'groups', view: lazy(() => import('./screens/groups.js'), 'Groups'), needs: ['read-only', 'groups:read'] },
    { path: '/groups/:name', name: 'group', section: 'groups', view: lazy(() => import('./screens/group.js'), 'Group') },
    { path: '/models', name: 'models', nav: 'manage', icon: 'models', view: lazy(() => import('./screens/models.js'), 'Models', 'manage'), needs: ['read-only', 'config:read'] },
    { path: '/providers', name: 'providers', nav: 'manage', icon: 'providers', view: lazy(() => import('./screens/providers.js'), 'Providers', 'manage'), needs: ['read-only', 'config:read'] },
    { path: '/routes', name: 'routes', nav: 'manage', icon: 'routes', view: lazy(() => import('./screens/routes.js'), 'Routes', 'manage'), needs: ['read-only', 'config:read'] },
    { path: '/settings', name: 'settings', nav: 'manage', icon: 'settings', view: lazy(() => import('./screens/settings.js'), 'Settings', 'manage', 'options'), needs: ['read-only', 'config:read'] },
    { path: '/playground', name: 'playground', nav: 'try', icon: 'playground', view: lazy(() => import('./screens/playground.js'), 'Playground', 'manage') },
    { path: '/members', name: 'members', nav: 'system', icon: 'members', view: lazy(() => import('./screens/members.js'), 'Members', 'manage'), needs: ['operator', 'tokens:read'] },
    { path: '/audit', name: 'audit', nav: 'system', icon: 'audit', view: lazy(() => import('./screens/audit.js'), 'Audit', 'manage'), needs: ['operator', 'audit:read'] },
    { path: '/system', name: 'system', nav: 'system', icon: 'system', view: lazy(() => import('./screens/system.js'), 'System', 'manage'), needs: ['read-only', 'system:read'] },
    { path: '/sessions', name: 'sessions', view: lazy(() => import('./screens/sessions.js'), 'Sessions') },
];
