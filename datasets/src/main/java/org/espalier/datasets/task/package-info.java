/** How published data sets of questions become questions. */
@NullMarked
package org.espalier.datasets.task;

import org.jspecify.annotations.NullMarked;
