// All screens. path: below /console, ':name' is a parameter; view gets params and
// query. nav: its group in the sidebar (none: not there), text nav.NAME, icon.
// needs: [least role, scope], else it is not in the sidebar.
// SPDX-License-Identifier: Apache-2.0
import { Overview } from './screens/overview.js';
import { Sessions } from './screens/sessions.js';

export const GROUPS = ['watch', 'manage', 'try', 'system'];

export const screens = [
    { path: '/', name: 'overview', nav: 'watch', icon: 'overview', view: Overview },
    { path: '/sessions', name: 'sessions', view: Sessions },
];
