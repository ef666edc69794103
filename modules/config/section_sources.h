/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file section_sources.h
 * @brief ApiKeyFrom in a section: it may name only sources that its server
 *        accepts.
 *
 * In the configuration files the server's ApiKeyFrom may come after the
 * section, so sections are recorded while they are read and compared in
 * check_config.  An .htaccess is read when the server's list is known and is
 * compared at once.  Start-up's one thread calls all but
 * apikey_sources_default() and apikey_section_sources_fault().
 */
#ifndef APIKEY_SECTION_SOURCES_H
#define APIKEY_SECTION_SOURCES_H

#include "config.h"

/** What a server without ApiKeyFrom accepts: X-API-Key, Bearer and ApiKey.
 * @return apikey_source_t, in @a pool */
apr_array_header_t *apikey_sources_default(apr_pool_t *pool);

/** NULL if @a s accepts every source in @a from, else a sentence in @a pool. */
const char *apikey_section_sources_fault(apr_pool_t *pool, server_rec *s,
                                         const apr_array_header_t *from);

/** pre_config: forgets the sections of the previous start. */
int apikey_section_sources_reset(apr_pool_t *pconf, apr_pool_t *plog,
                                 apr_pool_t *ptemp);

/** Records a section's ApiKeyFrom.
 * @param from must live as long as cmd->pool */
void apikey_section_sources_add(cmd_parms *cmd,
                                const apr_array_header_t *from);

/**
 * Compares each recorded section with its server.  A section of the main
 * server holds for virtual hosts, too: it is enough if one server accepts what
 * the section names.
 * @return OK, or not, with a message
 */
int apikey_check_section_sources(apr_pool_t *ptemp, server_rec *main_server);

#endif
