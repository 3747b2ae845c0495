/** Dense linear algebra as a service, with the parallelism that the caller gives. */
@NullMarked
package org.espalier.api.math;

import org.jspecify.annotations.NullMarked;
