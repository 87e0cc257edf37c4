// SPDX-License-Identifier: Apache-2.0
export default {
    'group.delete': '删除资源组',
    'group.delete_text': '组内密钥立即失效且无法恢复；该组的网关配置、路由、凭据和告警一并删除，剩余余额作废。调用日志和用量保留。',
    'group.deleted': '已删除 {name}。',
    'group.disable': '停用资源组',
    'group.disable_text': '从下一次调用起，{name} 的所有密钥都会被拒绝。',
    'group.disabled': '已停用',
    'group.disabled_now': '已停用 {name}。',
    'group.enable': '启用资源组',
    'group.enabled_now': '已启用 {name}。',
    'group.rename': '重命名资源组',
    'group.rename_text': '该组的网关配置、路由、凭据和告警会一并重命名。',
    'group.renamed': '资源组已更名为 {name}。',
};
