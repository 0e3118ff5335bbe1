/* home_open.c - what is read of a site's announcements, and where its devices' topics lie. */
#include <stdio.h>
#include <string.h>

#include "devices_file.h"
#include "gateway_int.h"

/* Of "cabin=houses/cabin" what stands behind the '=', for this site; NULL: the site has no row. */
static const char *row_of(const struct lt_strings *rows, const char *site)
{
    size_t n = strlen(site);
    for (size_t i = 0; i < rows->n; i++)
        if (!strncmp(rows->v[i], site, n) && rows->v[i][n] == '=') return rows->v[i] + n + 1;
    return NULL;
}

enum lt_err lt_home_root(const struct lt_config *c, const char *site, char *out, size_t cap,
                         struct lt_diag *diag)
{
    const char *root = row_of(&c->discovery.roots, site);
    if (!root) root = c->sites.n && !strcmp(site, c->sites.v[0]) ? "" : site;
    size_t n = strlen(root);
    if (strpbrk(root, "+#") || (n && root[n - 1] == '/') || n + 2 > cap)
        return lt_fail(diag, LT_ERR_INVALID,
                       "discovery.roots: \"%.100s\" is no topic that others can lie below", root);
    snprintf(out, cap, "%s%s", root, n ? "/" : "");
    return LT_OK;
}

static int has_devices(const struct lt_config *c, const char *site)
{
    return *c->discovery.devices && c->sites.n && !strcmp(site, c->sites.v[0]);
}

enum lt_err lt_home_devices(const struct lt_config *c, const char *site, struct lt_discovery *d,
                            struct lt_diag *diag)
{
    json_t *devices = NULL;
    enum lt_err err =
        has_devices(c, site) ? lt_devices_file_read(c->discovery.devices, &devices, diag) : LT_OK;
    if (!err && lt_discovery_set_devices(d, devices))
        err = lt_fail(diag, LT_ERR_NOMEM, "out of memory for devices");
    json_decref(devices);
    return err;
}

enum lt_err lt_home_discovery(const struct lt_config *c, const char *site,
                              struct lt_discovery **out, struct lt_diag *diag)
{
    struct lt_discovery_options o = {
        .ha_prefix = c->discovery.home_assistant ? c->discovery.ha_prefix : NULL,
        .z2m_base = c->discovery.zigbee2mqtt ? c->discovery.z2m_base : NULL,
        .tasmota_prefix = c->discovery.tasmota ? c->discovery.tasmota_prefix : NULL};
    *out = NULL;
    if (!o.ha_prefix && !o.z2m_base && !o.tasmota_prefix && !has_devices(c, site)) return LT_OK;
    enum lt_err err = lt_discovery_new(&o, out, diag);
    if (!err) err = lt_home_names(c, site, *out, diag);
    if (!err) err = lt_home_devices(c, site, *out, diag);
    if (err && *out) {
        lt_discovery_free(*out);
        *out = NULL;
    }
    return err;
}
