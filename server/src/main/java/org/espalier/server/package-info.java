/** Serving a model over HTTP. */
@NullMarked
package org.espalier.server;

import org.jspecify.annotations.NullMarked;
