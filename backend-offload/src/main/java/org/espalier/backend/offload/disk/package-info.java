/** Reading stretches of files into memory of one's own, past the page cache where possible. */
@NullMarked
package org.espalier.backend.offload.disk;

import org.jspecify.annotations.NullMarked;
