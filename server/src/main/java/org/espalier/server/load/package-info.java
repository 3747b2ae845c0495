/** Well-behaved and badly behaved clients in great numbers, to see what a server makes of them. */
@NullMarked
package org.espalier.server.load;

import org.jspecify.annotations.NullMarked;
