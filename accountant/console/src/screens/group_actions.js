// What is done with a group as a whole: renamed, switched off and on, deleted.
// SPDX-License-Identifier: Apache-2.0
import { html, useState } from '../dom.js';
import { api, segment } from '../api.js';
import { t } from '../i18n.js';
import { navigate, to } from '../router.js';
import { may, toast, toastError } from '../state.js';
import { Button, Dialog, Field, Input, Menu, confirm } from '../ui/index.js';

const pathOf = (name) => `/groups/${segment(name)}`;

function Rename({ row, etag, onClose }) {
    const [name, setName] = useState(row.name);
    const [error, setError] = useState(null);
    const wanted = name.trim();
    const submit = async () => {
        if (!wanted || wanted === row.name) return;
        try {
            await api.patch(pathOf(row.name), { name: wanted }, { ifMatch: etag });
            toast(t('group.renamed', { name: wanted }));
            navigate(to(pathOf(wanted)));
        } catch (failure) {
            setError(failure);
        }
    };
    return html`<${Dialog} title=${t('group.rename')} onClose=${onClose} onSubmit=${submit} footer=${html`<${Button} onClick=${onClose}>${t('common.cancel')}<//>
            <${Button} kind="primary" type="submit" disabled=${!wanted || wanted === row.name}>${t('group.rename')}<//>`}>
        <${Field} label=${t('groups.name')} hint=${t('group.rename_text')} error=${error?.message}>${(props) => html`
            <${Input} ...${props} value=${name} onInput=${(next) => { setName(next); setError(null); }} maxlength="63" />`}<//>
    <//>`;
}

async function setEnabled(row, enabled, reload) {
    if (!enabled && !(await confirm({ title: t('group.disable'), text: t('group.disable_text', { name: row.name }), action: t('group.disable'), danger: true })))
        return;
    try {
        await api.patch(pathOf(row.name), { enabled });
        toast(t(enabled ? 'group.enabled_now' : 'group.disabled_now', { name: row.name }));
        reload();
    } catch (failure) {
        toastError(failure);
    }
}

async function remove(row) {
    if (!(await confirm({ title: t('group.delete'), text: t('group.delete_text'), action: t('group.delete'), danger: true, word: row.name })))
        return;
    try {
        await api.delete(pathOf(row.name), { query: { all: 'yes' } });
        toast(t('group.deleted', { name: row.name }));
        navigate(to('/groups'));
    } catch (failure) {
        toastError(failure);
    }
}

export function GroupActions({ row, etag, reload }) {
    const [renaming, setRenaming] = useState(false);
    if (!may('operator', 'groups:write')) return null;
    // What is made by the installation itself stays as it is called.
    const isOwn = row.name !== 'default';
    const items = [
        isOwn && { label: t('group.rename'), icon: 'edit', onClick: () => setRenaming(true) },
        row.enabled ? { label: t('group.disable'), icon: 'pause', onClick: () => setEnabled(row, false, reload) }
            : { label: t('group.enable'), icon: 'play', onClick: () => setEnabled(row, true, reload) },
        isOwn && may('operator', 'keys:write') && may('operator', 'config:write')
            && { label: t('group.delete'), icon: 'trash', danger: true, onClick: () => remove(row) },
    ].filter(Boolean);
    return html`<${Menu} kind="" label=${t('common.actions')} items=${items} />
        ${renaming && html`<${Rename} row=${row} etag=${etag} onClose=${() => setRenaming(false)} />`}`;
}
