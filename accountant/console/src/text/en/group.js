// SPDX-License-Identifier: Apache-2.0
export default {
    'group.delete': 'Delete group',
    'group.delete_text': 'Its keys stop at once and cannot be restored; its gateway profiles, routes, credentials and alerts go with it. What is left of its balance is gone. Log rows and usage stay.',
    'group.deleted': '{name} is deleted.',
    'group.disable': 'Disable group',
    'group.disable_text': 'Each key of {name} is refused from the next call on.',
    'group.disabled': 'Disabled',
    'group.disabled_now': '{name} is disabled.',
    'group.enable': 'Enable group',
    'group.enabled_now': '{name} is enabled.',
    'group.rename': 'Rename group',
    'group.rename_text': 'Its gateway profiles, routes, credentials and alerts are renamed with it.',
    'group.renamed': 'The group is called {name} now.',
};
