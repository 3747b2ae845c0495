/** Many texts at once: who comes in, what shares a pass, which sessions are kept for later. */
@NullMarked
package org.espalier.server.scheduling;

import org.jspecify.annotations.NullMarked;
