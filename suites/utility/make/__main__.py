"""Build the suite `utility`; what there is to see is in the modules beside this file.

Usage: `python suites/utility/make [--out DIR] [--only PREFIX,PREFIX] [--contact SHEET.png]`.
"""

import make_utility

make_utility.main()
