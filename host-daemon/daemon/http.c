// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * http.c - metrics on a socket that systemd listens on for us
 *
 * libmicrohttpd without threads of its own: its epoll descriptor is a source of our
 * loop. GET /metrics in the format that Accept asks for; whatever else is 404.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include <microhttpd.h>

#include "cleanup.h"
#include "daemon.h"

#define TYPE_TEXT	"text/plain; version=0.0.4; charset=utf-8"
#define TYPE_OPEN	"application/openmetrics-text; version=1.0.0; charset=utf-8"

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned int code,
			     char *text, size_t length, const char *type)
{
	struct MHD_Response *response;
	enum MHD_Result ret;

	response = MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	ret = MHD_queue_response(connection, code, response);
	MHD_destroy_response(response);
	return ret;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **request)
{
	static char not_found[] = "see /metrics\n", not_allowed[] = "GET\n", failed[] = "failed\n";
	struct daemon *d = user;
	cleanup_free char *text = NULL;
	const char *accept;
	size_t length;
	bool open;

	(void)version, (void)upload, (void)upload_size, (void)request;
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED, not_allowed,
			     strlen(not_allowed), TYPE_TEXT);
	if (strcmp(url, "/metrics"))
		return reply(connection, MHD_HTTP_NOT_FOUND, not_found, strlen(not_found),
			     TYPE_TEXT);
	accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	open = accept && strstr(accept, "application/openmetrics-text");
	save_state(d);
	if (manager_metrics(&d->manager, open, &text, &length))
		return reply(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, failed, strlen(failed),
			     TYPE_TEXT);
	return reply(connection, MHD_HTTP_OK, text, length, open ? TYPE_OPEN : TYPE_TEXT);
}

static int on_ready(sd_event_source *source, int fd, uint32_t events, void *user)
{
	(void)source, (void)fd, (void)events;
	MHD_run(user);
	return 0;
}

/* Connections that say nothing are closed by libmicrohttpd, if it runs at times. */
static int on_time(sd_event_source *source, uint64_t usec, void *user)
{
	MHD_run(user);
	sd_event_source_set_time(source, usec + 5000000);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int http_serve(struct daemon *d, int fd)
{
	const union MHD_DaemonInfo *info;
	struct MHD_Daemon *server;
	uint64_t now;
	int ret;

	server = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, d,
				  MHD_OPTION_LISTEN_SOCKET, fd,
				  MHD_OPTION_CONNECTION_LIMIT, 16u,
				  MHD_OPTION_CONNECTION_TIMEOUT, 10u,
				  MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16384, MHD_OPTION_END);
	if (!server)
		return -EIO;
	info = MHD_get_daemon_info(server, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return -EIO;
	ret = sd_event_add_io(d->event, NULL, info->epoll_fd, EPOLLIN, on_ready, server);
	if (ret < 0)
		return ret;
	sd_event_now(d->event, CLOCK_MONOTONIC, &now);
	return sd_event_add_time(d->event, NULL, CLOCK_MONOTONIC, now + 5000000, 500000, on_time,
				 server);
}
