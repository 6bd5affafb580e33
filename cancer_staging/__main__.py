from cancer_staging.cli import main

main()
