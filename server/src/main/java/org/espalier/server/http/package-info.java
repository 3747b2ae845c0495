/** The narrow layer over the HTTP stack: connections, bodies, errors, event streams, access. */
@NullMarked
package org.espalier.server.http;

import org.jspecify.annotations.NullMarked;
