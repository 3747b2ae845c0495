/** Numbers for whoever watches over a server. */
@NullMarked
package org.espalier.server.observation;

import org.jspecify.annotations.NullMarked;
