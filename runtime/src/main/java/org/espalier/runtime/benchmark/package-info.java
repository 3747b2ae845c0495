/** How fast a model runs here, and how near that is to what memory allows. */
@NullMarked
package org.espalier.runtime.benchmark;

import org.jspecify.annotations.NullMarked;
